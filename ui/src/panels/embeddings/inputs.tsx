import { Plus } from 'lucide-react';
import { type ReactNode, useRef, useState } from 'react';
import { Button } from '../../ui/button';
import { Kbd } from '../../ui/kbd';
import { Card } from '../../ui/page';
import { toast } from '../../ui/toast';
import { InputRow } from './input-row';
import { type Embedded, type Input, MAX_INPUTS, newInput } from './workbench';

interface InputsProps {
  inputs: Input[];
  embedded: readonly Embedded[];
  /** Numbers of the inputs that are pointed at elsewhere. */
  lit: readonly number[];
  onChange: (inputs: Input[]) => void;
  /** What was made of them, in a few words, and what can be done with it. */
  aside?: ReactNode;
}

/** The texts to embed, one or many. */
export function Inputs({ inputs, embedded, lit, onChange, aside }: InputsProps) {
  const [added, setAdded] = useState<number>();
  const list = useRef<HTMLOListElement>(null);
  const isFull = inputs.length >= MAX_INPUTS;
  const vectors = new Map(embedded.map(({ number, values }) => [number, values]));

  const focus = (index: number) => list.current?.querySelectorAll('textarea')[index]?.focus();
  const add = (index: number) => {
    if (isFull) return;
    const input = newInput();
    setAdded(input.id);
    onChange(inputs.toSpliced(index, 0, input));
  };
  const onNext = (index: number) => {
    if (inputs[index + 1]?.text === '') focus(index + 1);
    else add(index + 1);
  };
  const remove = (index: number) => {
    focus(index === 0 ? 1 : index - 1); // before it is gone, and the focus with it
    onChange(inputs.toSpliced(index, 1));
  };
  const spread = (index: number, lines: string[]) => {
    const taken = lines.slice(0, MAX_INPUTS - inputs.length + 1);
    onChange(inputs.toSpliced(index, 1, ...taken.map((line) => newInput(line))));
    const whole = inputs.with(index, { ...inputs[index]!, text: lines.join('\n') });
    toast.done(
      taken.length < lines.length
        ? `The first ${taken.length} of ${lines.length} lines became an input each`
        : `${lines.length} lines became an input each`,
      { label: 'Make it one', run: () => onChange(whole) },
    );
  };

  return (
    <Card title="Inputs" aside={aside} flush>
      <ol
        ref={list}
        aria-label="Inputs"
        className="max-h-[65dvh] divide-y divide-line overflow-y-auto xl:max-h-[calc(100dvh-15rem)]"
      >
        {inputs.map((input, index) => (
          <InputRow
            key={input.id}
            number={index + 1}
            text={input.text}
            values={vectors.get(index + 1)}
            lit={lit.includes(index + 1)}
            autoFocus={input.id === added}
            onChange={(text) => onChange(inputs.with(index, { ...input, text }))}
            onNext={() => onNext(index)}
            onRemove={inputs.length > 1 ? () => remove(index) : undefined}
            onLines={(lines) => spread(index, lines)}
          />
        ))}
      </ol>
      <div className="flex items-center gap-3 border-t border-line px-3 py-2 sm:px-4">
        <Button size="sm" look="ghost" disabled={isFull} onClick={() => add(inputs.length)}>
          <Plus aria-hidden />
          Add an input
        </Button>
        <span className="ml-auto text-right text-xs text-fg-3">
          {isFull && `${MAX_INPUTS} at most here; the API takes more.`}
          {!isFull && 'Pasted lines become an input each'}
          <span className="hidden pointer-fine:inline">
            {' '}
            · <Kbd keys="mod+enter" /> generates
          </span>
        </span>
      </div>
    </Card>
  );
}
