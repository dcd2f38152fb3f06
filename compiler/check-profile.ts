/** What callers without types may get wrong in the options of the writers. */
import { EdgeloomError } from '../lib/errors.ts';

/**
 * Refuses a profile that there is not, and options that the profile does not have: neither must pass
 * for another one in silence.
 * @param known the profiles with the names of their options
 * @throws EdgeloomError `bad-options`
 */
export function checkProfile(
  options: { readonly profile: string },
  known: Readonly<Record<string, readonly string[]>>,
  where: string,
): void {
  const refuse = (what: string, fix: string) =>
    new EdgeloomError({ code: 'bad-options', what, where, fix });
  const profiles = `one of ${Object.keys(known).join(', ')}`;
  const given: { readonly profile?: string } = options ?? {};
  const { profile } = given;
  if (profile === undefined) throw refuse('No profile is given', `give profile: ${profiles}`);
  const own = Object.hasOwn(known, profile) ? known[profile] : undefined;
  if (!own) throw refuse(`There is no profile ${profile}`, `give ${profiles}`);
  const strange = Object.keys(options).find((key) => key !== 'profile' && !own.includes(key));
  if (strange === undefined) return;
  throw refuse(
    `The profile ${profile} has no option ${strange}`,
    own.length > 0 ? `its options are ${own.join(', ')}` : 'leave it out',
  );
}
