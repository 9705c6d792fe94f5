import { DEFAULT_ROWS, rowsOf } from './rows.ts';
import { testRows } from './suite.ts';

testRows(rowsOf(DEFAULT_ROWS, 'sizes'));
