import { useState, type KeyboardEvent } from 'react';
import { Button } from '../../ui/button';
import { Checkbox } from '../../ui/checkbox';
import { Field, Input } from '../../ui/field';
import { Notice } from '../../ui/notice';
import { useAllowedModels } from './use-models';

/** A choice among the models that there are, and of names that are not among them. */
export function ModelNames({ names, onChange }: { names: string[]; onChange: (names: string[]) => void }) {
  const { data: models = [] } = useAllowedModels();
  const [known] = useState(names); // what was typed or stored stays in sight when it is unticked
  const [typed, setTyped] = useState<string[]>([]);
  const [text, setText] = useState('');
  const listed = models.map(({ name }) => name);
  const offered = [...new Set([...typed, ...known, ...listed])];

  const add = () => {
    const name = text.trim();
    if (!name) return;
    setTyped([name, ...typed]);
    onChange([...new Set([...names, name])]);
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !text.trim()) return;
    event.preventDefault(); // Enter adds the name; on an empty field it saves
    add();
  };
  return (
    <>
      {offered.length > 0 && (
        <fieldset className="-my-1 flex max-h-56 flex-col pointer-coarse:max-h-50 overflow-y-auto py-1 pl-1">
          <legend className="sr-only">Models</legend>
          {offered.map((name) => (
            <div
              key={name}
              className="flex min-h-8 shrink-0 items-center justify-between gap-3 py-1 pointer-coarse:min-h-11"
            >
              <Checkbox
                label={<span className="font-mono text-xs wrap-anywhere">{name}</span>}
                checked={names.includes(name)}
                onChange={(checked) =>
                  onChange(checked ? [...names, name] : names.filter((other) => other !== name))
                }
              />
              {!listed.includes(name) && <span className="shrink-0 text-xs text-fg-3">not listed now</span>}
            </div>
          ))}
        </fieldset>
      )}
      <div className="grid grid-cols-[minmax(0,1fr)_auto] items-end gap-2">
        <Field name="model" label="Another one">
          <Input
            mono
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={onKeyDown}
            placeholder="llama3.2:3b"
            maxLength={256}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
          />
        </Field>
        <Button onClick={add} disabled={!text.trim()}>
          Add
        </Button>
      </div>
      {names.length === 0 && <Notice tone="warn">Nothing is chosen: no model may be used at all.</Notice>}
    </>
  );
}
