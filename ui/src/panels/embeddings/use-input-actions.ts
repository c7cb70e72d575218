import { type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { toast } from '../../ui/toast';
import type { InputActions } from './input-row';
import { type Input, MAX_INPUTS, newInput } from './workbench';

interface Inputs {
  inputs: Input[];
  onChange: (inputs: Input[]) => void;
  /** Holds the inputs' text areas, in their order. */
  list: RefObject<HTMLElement | null>;
}

/** What can be done with inputs: the same functions at all times, on the inputs as they are. */
export function useInputActions({ inputs, onChange, list }: Inputs) {
  const latest = useRef({ inputs, onChange });
  useEffect(() => {
    latest.current = { inputs, onChange };
  });
  const [added, setAdded] = useState<number>();
  const [opened, setOpened] = useState<number>();

  const actions = useMemo(() => {
    const indexOf = (id: number) => latest.current.inputs.findIndex((input) => input.id === id);
    const focus = (index: number) => list.current?.querySelectorAll('textarea')[index]?.focus();
    const splice = (index: number, removed: number, ...put: Input[]) =>
      latest.current.onChange(latest.current.inputs.toSpliced(index, removed, ...put));
    const add = (index = latest.current.inputs.length) => {
      if (latest.current.inputs.length >= MAX_INPUTS) return;
      const input = newInput();
      setAdded(input.id);
      splice(index, 0, input);
    };
    const byId: InputActions = {
      write: (id, text) => splice(indexOf(id), 1, { id, text }),
      next(id) {
        const next = indexOf(id) + 1;
        if (latest.current.inputs[next]?.text === '') focus(next);
        else add(next);
      },
      remove(id) {
        const index = indexOf(id);
        focus(index === 0 ? 1 : index - 1); // before it is gone, and the focus with it
        splice(index, 1);
      },
      spread(id, lines) {
        const room = MAX_INPUTS - latest.current.inputs.length + 1;
        const put = lines.slice(0, room).map((line) => newInput(line));
        splice(indexOf(id), 1, ...put);
        const gather = () => {
          const rest = latest.current.inputs.filter((input) => !put.some((one) => one.id === input.id));
          const place = Math.max(0, indexOf(put[0]!.id));
          latest.current.onChange(rest.toSpliced(place, 0, { id, text: lines.join('\n') }));
        };
        toast.done(
          put.length < lines.length
            ? `The first ${put.length} of ${lines.length} lines became an input each`
            : `${lines.length} lines became an input each`,
          { label: 'Make it one', run: gather },
        );
      },
      open: setOpened,
    };
    return { ...byId, add };
  }, [list]);

  return { actions, added, opened, close: () => setOpened(undefined) };
}
