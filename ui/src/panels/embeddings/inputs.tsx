import { Plus } from 'lucide-react';
import { type ReactNode, useRef } from 'react';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Kbd } from '../../ui/kbd';
import { Card } from '../../ui/page';
import { InputRow } from './input-row';
import { useInputActions } from './use-input-actions';
import { VectorDetails } from './vector-details';
import { type Embedded, type Input, MAX_INPUTS } from './workbench';

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
  const list = useRef<HTMLOListElement>(null);
  const { actions, added, opened, close } = useInputActions({ inputs, onChange, list });
  const vectors = new Map(embedded.map(({ number, values }) => [number, values]));
  const isFull = inputs.length >= MAX_INPUTS;
  const openedNumber = inputs.findIndex(({ id }) => id === opened) + 1;
  const openedValues = vectors.get(openedNumber);

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
            input={input}
            number={index + 1}
            only={inputs.length === 1}
            values={vectors.get(index + 1)}
            lit={lit.includes(index + 1)}
            autoFocus={input.id === added}
            actions={actions}
          />
        ))}
      </ol>
      <div className="flex items-center gap-3 border-t border-line px-3 py-2 sm:px-4">
        <Button size="sm" look="ghost" disabled={isFull} onClick={() => actions.add()}>
          <Plus aria-hidden />
          Add an input
        </Button>
        <span className="ml-auto text-right text-xs text-fg-3">
          {isFull ? `${MAX_INPUTS} at most here, more by the API` : 'Pasted lines become an input each'}
          <span className="hidden pointer-fine:inline">
            {' '}
            · <Kbd keys="mod+enter" /> generates
          </span>
        </span>
      </div>
      <Dialog open={openedValues !== undefined} onClose={close} title={`Vector ${openedNumber}`}>
        {openedValues && <VectorDetails values={openedValues} />}
      </Dialog>
    </Card>
  );
}
