import { Search } from 'lucide-react';
import { useEffect, useEffectEvent, useState, type Ref } from 'react';
import { Input } from './field';

/** How long after the last letter the search begins, in milliseconds. */
const PAUSE = 250;

interface SearchInputProps {
  /** What is searched: "Search users". */
  label: string;
  placeholder: string;
  /** Belongs in the URL. */
  value: string;
  onSearch: (text: string) => void;
  ref?: Ref<HTMLInputElement>;
}

/** Searches while one types. */
export function SearchInput({ label, placeholder, value, onSearch, ref }: SearchInputProps) {
  const [typed, setTyped] = useState<string>(); // and not yet searched for
  const search = useEffectEvent(onSearch);
  if (typed === value) setTyped(undefined);

  useEffect(() => {
    if (typed === undefined) return;
    const timer = setTimeout(() => search(typed), PAUSE);
    return () => clearTimeout(timer);
  }, [typed]);

  return (
    <Input
      ref={ref}
      type="search"
      icon={<Search />}
      aria-label={label}
      placeholder={placeholder}
      value={typed ?? value}
      onChange={(event) => setTyped(event.target.value)}
      maxLength={200}
      autoComplete="off"
      autoCapitalize="none"
      spellCheck={false}
    />
  );
}
