/** Search attributes of the Web UI. They are not encrypted: never a user id. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

export const RUN_DATE = defineSearchAttributeKey('RunDate', SearchAttributeType.KEYWORD);
export const MODEL_NAME = defineSearchAttributeKey('ModelName', SearchAttributeType.KEYWORD);
export const STAGE = defineSearchAttributeKey('Stage', SearchAttributeType.KEYWORD);
export const GATE_STATUS = defineSearchAttributeKey('GateStatus', SearchAttributeType.KEYWORD);
export const GIT_SHA = defineSearchAttributeKey('GitSha', SearchAttributeType.KEYWORD);
