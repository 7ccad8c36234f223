export { finishedJob } from '#studio/work/finished-job';
