/** The device log contract as JSON Schema (draft 2020-12), generated from the zod schemas. */
import { z } from 'zod';
import { deviceEvent } from './device-log.ts';

/** The keywords that the contract uses. */
export interface JsonSchema {
  $schema?: string;
  $id?: string;
  title?: string;
  description?: string;
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'null';
  const?: string | number;
  enum?: string[];
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  allOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
}

/** One JSON Schema for a line of the log: `oneOf` the event types. */
export function deviceLogJsonSchema(): JsonSchema {
  return {
    $id: 'edgeloom:device-log:v1',
    title: 'edgeloom device log, version 1',
    ...(z.toJSONSchema(deviceEvent, { io: 'input' }) as JsonSchema),
  };
}

/** The bytes of `device-log.v1.schema.generated.json`. */
export function renderDeviceLogJsonSchema(): string {
  return `${JSON.stringify(deviceLogJsonSchema(), null, 2)}\n`;
}
