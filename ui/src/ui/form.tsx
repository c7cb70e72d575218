import { Form as Base } from '@base-ui/react/form';
import { useMemo, type ReactNode } from 'react';
import { faultOf } from '../api/errors';
import { Notice } from './notice';
import { ErrorWords } from './words';

interface FormProps {
  /** What the call threw: its violations show at the fields by name, everything else above them. */
  error?: unknown;
  onSubmit: (values: FormData) => void;
  /** For a button outside of the form. */
  id?: string;
  children: ReactNode;
}

export function Form({ error, onSubmit, id, children }: FormProps) {
  const fields = useMemo(() => (error ? faultOf(error).fields : {}), [error]);
  const elsewhere = error && Object.keys(fields).length === 0;
  return (
    <Base
      id={id}
      errors={fields}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(new FormData(event.currentTarget));
      }}
      className="flex flex-col gap-4"
    >
      {elsewhere ? (
        <Notice tone="bad">
          <ErrorWords error={error} />
        </Notice>
      ) : null}
      {children}
    </Base>
  );
}
