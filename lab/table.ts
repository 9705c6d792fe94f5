export { formatTable } from '../src/cli/table.ts';
