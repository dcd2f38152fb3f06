/** Where artifacts are kept, and whether that answers. */
import { EdgeloomError } from '../../lib/errors.ts';
import { lookAtStore } from '../store/index.ts';
import type { Check, DoctorOptions, Finding } from './types.ts';

export function storeCheck({ env, workspace }: DoctorOptions): Check {
  const look = async (): Promise<Finding> => {
    try {
      return { state: 'ok', ...(await lookAtStore({ workspace, url: env.EDGELOOM_STORE, env })) };
    } catch (error) {
      if (!(error instanceof EdgeloomError)) throw error;
      const { message, where, fix = 'correct EDGELOOM_STORE, or unset it' } = error;
      return { state: 'broken', detail: message, fix, ...(where ? { from: where } : {}) };
    }
  };
  return { name: 'store', needed: true, look };
}
