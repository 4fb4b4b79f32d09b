// The two names the report's boot script uses, as the global `breakevenVega`.
import embed from 'vega-embed';
import {expressionInterpreter} from 'vega-interpreter';

globalThis.breakevenVega = {embed, expressionInterpreter};
