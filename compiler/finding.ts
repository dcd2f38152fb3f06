/** What the linters of model files return. */
export interface Finding {
  /** Stable, kebab-case: the rule that is broken. */
  rule: string;
  /** What is wrong and where. */
  message: string;
}
