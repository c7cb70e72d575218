/** The length that the server asks for unless it is configured otherwise. */
const MIN_LENGTH = 12;

const walks = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  '1q2w3e4r5t6y7u8i9o0p',
];

const frequent =
  /password|passwort|welcome|letmein|admin|login|secret|iloveyou|dragon|monkey|football|changeme/g;

export interface Strength {
  /** 0 (will be refused, most likely) to 3. */
  level: 0 | 1 | 2 | 3;
  /** What it is worth, and what would make it better. */
  advice: string;
}

/**
 * Estimates how hard the password is to guess for somebody who knows what it is about, such as the email and the name.
 * The rules are the server's (NIST SP 800-63B-4: length, nothing common, no patterns, no composition rules); what it
 * holds of common passwords is too long to load here, so it may still refuse one.
 */
export function strengthOf(password: string, about: string[] = []): Strength {
  const length = Array.from(password).length;
  if (length < MIN_LENGTH) return { level: 0, advice: `Too short: ${MIN_LENGTH - length} more to go.` };
  const rest = Array.from(withoutPatterns(withoutWords(password.toLowerCase(), about)));
  const worth = Math.min(rest.length, new Set(rest).size * 1.6);
  if (worth < 6) return { level: 0, advice: 'Weak: too close to the email, a common word or a pattern.' };
  if (worth < 11) return { level: 1, advice: 'Fair. Another word would make it good.' };
  if (worth < 15) return { level: 2, advice: 'Good.' };
  return { level: 3, advice: 'Strong.' };
}

/** What somebody would try first counts for nothing: the longest first, so that the whole email goes as one. */
function withoutWords(password: string, about: string[]): string {
  const words = ['paddock', ...about]
    .flatMap((text) => [text.toLowerCase(), ...text.toLowerCase().split(/[^\p{L}\p{N}]+/u)])
    .filter((word) => word.length >= 4)
    .toSorted((a, b) => b.length - a.length);
  return words.reduce((rest, word) => rest.replaceAll(word, ''), password).replace(frequent, '');
}

/** A character that repeats the one before, or follows it on the keyboard or in the alphabet, counts for nothing. */
function withoutPatterns(password: string): string {
  const characters = Array.from(password);
  return characters.filter((c, i) => !i || !follows(characters[i - 1]!, c)).join('');
}

function follows(a: string, b: string): boolean {
  return a === b || walks.some((walk) => walk.includes(a + b) || walk.includes(b + a));
}
