import { FAST_ROWS, rowsOf } from './rows.ts';
import { testRows } from './suite.ts';

testRows(rowsOf(FAST_ROWS, 'sizes'));
