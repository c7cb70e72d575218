import { useId } from 'react';
import { Button } from '../../ui/button';
import { Field, Input, TextArea } from '../../ui/field';
import { Form } from '../../ui/form';
import { Sheet } from '../../ui/sheet';
import type { Settings } from './conversation';

const numbers = [
  {
    name: 'temperature',
    label: 'Temperature',
    min: 0,
    max: 2,
    step: 'any',
    hint: '0 always picks the likeliest word; higher is freer.',
  },
  {
    name: 'topP',
    label: 'Top P',
    min: 0,
    max: 1,
    step: 'any',
    hint: 'Picks among the likeliest words that make up this share.',
  },
  { name: 'numPredict', label: 'Longest answer', min: 1, max: 2_147_483_647, step: 1, hint: 'In tokens.' },
  {
    name: 'numCtx',
    label: 'Context window',
    min: 1,
    max: 2_147_483_647,
    step: 1,
    hint: 'In tokens. Another value makes Ollama load the model again.',
  },
  {
    name: 'seed',
    label: 'Seed',
    min: Number.MIN_SAFE_INTEGER,
    max: Number.MAX_SAFE_INTEGER,
    step: 1,
    hint: 'The same seed and temperature 0 repeat an answer.',
  },
] as const;

interface SettingsSheetProps {
  open: boolean;
  onClose: () => void;
  settings: Settings;
  onSave: (settings: Settings) => void;
}

/** System prompt and options of a conversation. What is left empty is left to the model. */
export function SettingsSheet({ open, onClose, settings, onSave }: SettingsSheetProps) {
  const { system, options } = settings;
  const formId = useId();
  const save = (values: FormData) => {
    const text = (name: string) => String(values.get(name) ?? '');
    const number = (name: string) => (text(name) === '' ? undefined : Number(text(name)));
    const stop = text('stop').split('\n').filter(Boolean);
    onSave({
      ...settings,
      system: text('system'),
      options: { ...Object.fromEntries(numbers.map(({ name }) => [name, number(name)])), stop },
    });
    onClose();
  };
  return (
    <Sheet
      open={open}
      onClose={onClose}
      title="Conversation settings"
      description="What is left empty is left to the model."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={formId}>
            Save settings
          </Button>
        </>
      }
    >
      <Form id={formId} onSubmit={save}>
        <Field
          name="system"
          label="System prompt"
          hint="Stands before the conversation: who the model is, how it answers."
        >
          <TextArea
            rows={5}
            defaultValue={system}
            placeholder="You are a patient teacher. Answer in short sentences."
          />
        </Field>
        <div className="grid grid-cols-2 gap-4">
          {numbers.map(({ name, label, hint, ...range }) => (
            <Field key={name} name={name} label={label} hint={hint}>
              <Input
                type="number"
                inputMode="decimal"
                {...range}
                defaultValue={options[name]}
                placeholder="model’s own"
              />
            </Field>
          ))}
        </div>
        <Field name="stop" label="Stop at" hint="One text a line; the answer ends before any of them.">
          <TextArea rows={2} defaultValue={options.stop?.join('\n')} />
        </Field>
      </Form>
    </Sheet>
  );
}
