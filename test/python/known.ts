/** What other runtimes cannot do with our files: asserted by name, so that neither side changes unseen. */
import type { Case } from './write-cases.ts';

interface Known {
  check: string;
  /** Which files. */
  subjects: readonly string[];
  profile: RegExp;
  /** What the runtime says, or `wrong` where it says nothing and answers with other numbers. */
  says: RegExp | 'wrong';
  /** Why, with the place where its authors say so. */
  why: string;
}

const ENTRIES = ['encodeExposureStep', 'encodePageViewStep', 'rerank', 'decide'];
const FROM_TFLITE = /^TFLite/;

/** An operator that MNN's reader of TFLite files does not know; from ONNX it takes the same ones. */
const unread = (operator: string, why: string, ...subjects: string[]): Known => ({
  check: 'MNN',
  subjects,
  profile: FROM_TFLITE,
  says: new RegExp(`NOT_SUPPORTED_OP: \\[ ${operator} \\]`),
  why,
});

export const KNOWN: readonly Known[] = [
  unread('SELECT_V2', 'as alibaba/MNN#3591', 'where', 'where between conditions'),
  {
    ...unread('SELECT_V2', 'as alibaba/MNN#3591', 'rerank', 'decide'),
    profile: /TFLite (int8|float16|hybrid)/,
  },
  { ...unread('BROADCAST_TO', 'as alibaba/MNN#3591', 'rerank'), profile: /TFLite float32/ },
  {
    check: 'MNN',
    subjects: ['decide'],
    profile: /TFLite float32/,
    says: /Compute Shape Error/,
    why: 'it reads FULLY_CONNECTED as a convolution over images',
  },
  {
    check: 'MNN',
    subjects: ['rerank', 'decide'],
    profile: /^ONNX float32$/,
    says: 'wrong',
    why: 'in a GRU with linear_before_reset 0 it resets after the product with the state, not before',
  },
  unread('BROADCAST_TO', 'as alibaba/MNN#3591', 'broadcast'),
  unread('REVERSE_V2', 'as alibaba/MNN#3591', 'reverse'),
  unread('ELU', 'as alibaba/MNN#3591', 'elu'),
  unread('LOGICAL_NOT', 'as alibaba/MNN#3591', 'logic'),
  unread('CUMSUM', 'as alibaba/MNN#3591', 'cumulative sum'),
  {
    check: 'MNN',
    subjects: ['matmul', 'matmul with transposes'],
    profile: FROM_TFLITE,
    says: /Don't support type \[BatchMatMul\]/,
    why: 'its runtime has no such operation of two matrices; its reader of ONNX writes another',
  },
  {
    check: 'MNN',
    subjects: ['dense over three dimensions with relu'],
    profile: FROM_TFLITE,
    says: /Compute Shape Error/,
    why: 'it reads FULLY_CONNECTED as a convolution over images',
  },
  {
    check: 'MNN',
    subjects: ['gather within batches'],
    profile: FROM_TFLITE,
    says: /ValueError: y has shape/,
    why: 'it does not read batch_dims of GATHER',
  },
  {
    check: 'MNN',
    subjects: ['less'],
    profile: FROM_TFLITE,
    says: 'wrong',
    why: 'its Less mixes up four numbers at a time; our ONNX files hold Greater with the sides swapped',
  },
  {
    check: 'MNN',
    subjects: ['pad'],
    profile: /(float32|float16|dynamic)$/,
    says: 'wrong',
    why: 'with four dimensions it pads with 0, whatever the file says',
  },
  {
    check: 'MNN',
    subjects: ['dense', 'encodeExposureStep', 'encodePageViewStep'],
    profile: /TFLite (int8|hybrid)/,
    says: 'wrong',
    why: 'int8 files are not supported: alibaba/MNN#1976, alibaba/MNN#855',
  },
  {
    check: 'MNN',
    subjects: ['dense', ...ENTRIES],
    profile: /ONNX int8/,
    says: /MNN ended the process/,
    why: 'it aborts on dense layers between DequantizeLinear and QuantizeLinear',
  },
  {
    check: 'MNN',
    subjects: ['gather from a table'],
    profile: /ONNX dynamic/,
    says: 'wrong',
    why: 'it widens the rows of an int8 table wrongly',
  },
  {
    check: 'MNN',
    subjects: ['rerank'],
    profile: /ONNX dynamic/,
    says: 'wrong',
    why: 'which of its operations gets wrong was not looked for',
  },
];

export const knownOf = (check: string, { subject, profile }: Case): Known | undefined =>
  KNOWN.find(
    (known) =>
      known.check === check && known.subjects.includes(subject) && known.profile.test(profile.name),
  );

/** Files whose weights and activations are int8: the phones' and one layer stand for all. */
const IN_INT8 = ['TFLite int8', 'TFLite hybrid', 'ONNX int8'];

/**
 * Whether MNN is asked at all. Its authors do not support int8 files, and it takes most of them
 * without a word and answers with other numbers.
 */
export const isForMnn = (subject: string, profileName: string): boolean =>
  !IN_INT8.includes(profileName) || [...ENTRIES, 'dense'].includes(subject);
