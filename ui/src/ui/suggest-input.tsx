import { useId } from 'react';
import { Input, type InputProps } from './field';

export interface Suggestion {
  value: string;
  /** Stands beside the value in the list. */
  label?: string;
}

/** A text that may be any, with some to pick from; in the browser's own list, which hides nothing of the page. */
export function SuggestInput({ suggestions, ...input }: InputProps & { suggestions: Suggestion[] }) {
  const id = useId();
  return (
    <>
      <Input {...input} list={id} autoComplete="off" autoCapitalize="none" spellCheck={false} />
      <datalist id={id}>
        {suggestions.map(({ value, label }) => (
          <option key={value} value={value} label={label} />
        ))}
      </datalist>
    </>
  );
}
