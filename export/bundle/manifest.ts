/** The contract of `manifest.json`: enough for a stranger to check a bundle without our code. */
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import { sha256 } from '../../lib/hash.ts';
import { collidingPaths, pathProblem } from './safe-path.ts';

export const BUNDLE_FORMAT_VERSION = 1;
export const MANIFEST_FILE = 'manifest.json';

const hex64 = z.string().regex(/^[0-9a-f]{64}$/, 'is not 64 lower-case hex digits');
const modelName = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'is not a model name');

const bundlePath = z.string().superRefine((path, context) => {
  const problem = pathProblem(path);
  if (problem)
    context.addIssue({ code: 'custom', message: `path ${JSON.stringify(path)} ${problem}` });
});

export const bundleFileSchema = z.strictObject({
  path: bundlePath.describe('Relative, with /, plain ASCII names.'),
  sha256: hex64,
  bytes: z.int().nonnegative(),
  role: z.enum(['model', 'features', 'golden', 'embeddings', 'card', 'report']),
  model: modelName.optional(),
  entry: z.string().optional().describe('Entry point of a model file, or of its golden vectors.'),
  format: z
    .enum(['tflite', 'onnx'])
    .optional()
    .describe(
      'Present on executable model files; other files of role model are data of the model.',
    ),
  profile: z.string().optional().describe('Number format: float32, int8 …'),
});

const bundleModelSchema = z.strictObject({
  version: z.string().min(1).describe('A model and its embeddings carry one version.'),
  entries: z.array(z.string()),
  chosenProfile: z.string().describe('Number format of the TFLite files that ship.'),
  reasons: z.array(z.string()).describe('Why that profile, in sentences.'),
});

const lineageSchema = z.strictObject({
  run: z.string().describe('Id of the run that made the bundle.'),
  dates: z.strictObject({
    training: z.array(z.iso.date()),
    validation: z.iso.date().nullable(),
  }),
  commit: z.string().describe('Commit of the code, or "unknown".'),
  inputs: z.record(z.string(), z.string()).describe('Input name → content hash.'),
});

const datasetSchema = z.strictObject({
  name: z.string(),
  simulated: z.boolean(),
  description: z.string(),
});

const gateSchema = z.strictObject({
  name: z.string(),
  passed: z.boolean(),
  detail: z.string(),
});

export const manifestSchema = z
  .strictObject({
    format: z.literal('edgeloom-bundle'),
    formatVersion: z.literal(BUNDLE_FORMAT_VERSION),
    releaseId: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'is not a release id'),
    contentHash: hex64.describe(
      'SHA-256 of the lines "<sha256>  <path>\\n" of all files but card and report, sorted by path.',
    ),
    featureVersion: hex64.describe('SHA-256 of features.json.'),
    minimumRuntimes: z.strictObject({
      tflite: z.string().describe('Oldest TensorFlow Lite that runs the TFLite files.'),
      onnxOpset: z.int().nonnegative(),
    }),
    models: z.record(modelName, bundleModelSchema),
    dataset: datasetSchema,
    lineage: lineageSchema,
    metrics: z
      .record(z.string(), z.json())
      .describe('Per model, as the evaluate stage wrote them.'),
    gates: z.array(gateSchema),
    skipped: z.array(z.strictObject({ stage: z.string(), reason: z.string() })),
    files: z.array(bundleFileSchema).min(1),
  })
  .superRefine((manifest, context) => {
    const collision = collidingPaths([MANIFEST_FILE, ...manifest.files.map(({ path }) => path)]);
    if (collision) {
      context.addIssue({
        code: 'custom',
        path: ['files'],
        message: `the paths ${collision[0]} and ${collision[1]} collide`,
      });
    }
    for (const { path, model } of manifest.files) {
      if (model !== undefined && !(model in manifest.models)) {
        context.addIssue({
          code: 'custom',
          path: ['files'],
          message: `${path} belongs to ${model}, which is not among the models`,
        });
      }
    }
  });

export type BundleFile = z.infer<typeof bundleFileSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

/** JSON Schema of the manifest, for checks in other languages. */
export function manifestJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(manifestSchema, { io: 'input' });
}

const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);

/**
 * Hash of what a phone computes with: models, features, golden vectors, embeddings and their paths.
 * It is what `sha256sum` prints for those files in order of path, hashed once more; run ids, clocks,
 * the card and the report are outside.
 */
export function contentHashOf(files: Pick<BundleFile, 'path' | 'sha256' | 'role'>[]): string {
  const lines = files
    .filter(({ role }) => role !== 'card' && role !== 'report')
    .sort(byPath)
    .map((file) => `${file.sha256}  ${file.path}\n`);
  return sha256(lines.join(''));
}

/** The manifest's text: files in order of path, two-space indent, a final newline. */
export function manifestText(manifest: Manifest): string {
  const sorted = { ...manifest, files: [...manifest.files].sort(byPath) };
  return `${JSON.stringify(sorted, null, 2)}\n`;
}

/**
 * Parses a manifest and checks that its content hash follows from its files.
 * @throws EdgeloomError `bad-manifest` with the first thing that is wrong
 */
export function parseManifest(text: string, where: string): Manifest {
  const refuse = (what: string, cause?: unknown): EdgeloomError =>
    new EdgeloomError(
      {
        code: 'bad-manifest',
        what: `The manifest is refused: ${what}`,
        where,
        fix: 'publish the bundle again, or ask its publisher',
      },
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse('it is not JSON', error);
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw refuse(`${issue.path.map(String).join('.')} ${issue.message}`, parsed.error);
  }
  const manifest = parsed.data;
  if (contentHashOf(manifest.files) !== manifest.contentHash) {
    throw refuse('its content hash does not follow from its files');
  }
  return manifest;
}
