/** Builds the workflow bundle: a transitive Node built-in is invisible to the type checker. */
import { workflowBundle } from '../../cli/workflow-bundle.ts';

const { code } = await workflowBundle();
console.log(`${(code.length / 1e6).toFixed(1)} MB of workflow code`);
