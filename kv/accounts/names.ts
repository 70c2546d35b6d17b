// Names as they are compared and searched: without regard to case or to how a character was typed.

/** Compatibility forms can grow eighteenfold, and a key has a bound. */
const SEARCHED_CODE_POINTS = 80;

/** For display names, room names and what is searched for. A prefix of a text folds to a prefix of its fold, nearly always. */
export function foldName(text: string): string {
  const folded = text.normalize("NFKC").toLowerCase();
  return folded.length <= SEARCHED_CODE_POINTS
    ? folded
    : [...folded].slice(0, SEARCHED_CODE_POINTS).join("");
}

/** For usernames and e-mail addresses, which are ASCII. */
export function foldAscii(text: string): string {
  return text.toLowerCase();
}
