import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData, skipToken } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { UserService } from '../../gen/paddock/v1/users_pb';
import { Field } from '../../ui/field';
import { SuggestInput } from '../../ui/suggest-input';

const SUGGESTIONS = 8;

/** How long after the last letter the users are asked for, in milliseconds. */
const PAUSE = 250;

interface UserFieldProps {
  value: string;
  onChange: (value: string) => void;
}

/** Names a user by email or id; part of a name finds emails to pick from. */
export function UserField({ value, onChange }: UserFieldProps) {
  const query = usePaused(value.trim());
  const { data } = useQuery(
    UserService.method.listUsers,
    query ? { query, pageSize: SUGGESTIONS } : skipToken,
    { placeholderData: keepPreviousData },
  );
  const suggestions = query && data ? data.users : [];
  return (
    <Field name="userId" label="User">
      <SuggestInput
        suggestions={suggestions.map(({ email, displayName }) => ({ value: email, label: displayName }))}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        placeholder="Anybody"
        maxLength={200}
      />
    </Field>
  );
}

/** The text as it was when it last stood still. */
function usePaused(text: string): string {
  const [paused, setPaused] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(text), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  return paused;
}
