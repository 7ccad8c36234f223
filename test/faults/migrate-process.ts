/** Brings one database up to date, to be killed on the way (trouble-run.ts). */

import { writeSync } from 'node:fs';
import { openDatabase } from '#studio/store/database';
import { migrate } from '#studio/store/migrate';
import { migrations } from '#studio/store/migrations';

const file = process.argv[2]!;
const db = openDatabase(file);
writeSync(1, 'ready\n');
migrate(db, migrations, { file });
db.close();
