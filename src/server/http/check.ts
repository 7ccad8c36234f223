export { check, coerceFields, FieldError } from '#api/check';
