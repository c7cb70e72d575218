import { X } from 'lucide-react';
import { type ClipboardEvent, type KeyboardEvent, memo, useLayoutEffect, useRef } from 'react';
import { IconButton } from '../../ui/icon-button';
import { Chip } from './chip';
import { VectorStrip } from './vector-strip';
import type { Input } from './workbench';

/** What can be done with an input, by its id. */
export interface InputActions {
  write: (id: number, text: string) => void;
  /** On to the next one, which is added when there is none to fill. */
  next: (id: number) => void;
  remove: (id: number) => void;
  /** Puts an input for each line in place of one. */
  spread: (id: number, lines: string[]) => void;
  /** Shows the input's vector in full. */
  open: (id: number) => void;
}

interface InputRowProps {
  input: Input;
  /** From 1. */
  number: number;
  /** There is no other. */
  only: boolean;
  /** Its vector, once it has one. */
  values: number[] | undefined;
  lit: boolean;
  /** Takes the focus once it is there. */
  autoFocus: boolean;
  /** The same ones at all times. */
  actions: InputActions;
}

/** One text, and its vector below it. There can be many, and only those are drawn anew that have changed. */
export const InputRow = memo(function InputRow({
  input: { id, text },
  number,
  only,
  values,
  lit,
  autoFocus,
  actions,
}: InputRowProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const { style } = area.current!;
    style.height = 'auto';
    style.height = `${area.current!.scrollHeight}px`;
  }, [text]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      actions.next(id);
    }
    if (event.key === 'Backspace' && text === '' && !only) {
      event.preventDefault();
      actions.remove(id);
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const lines = event.clipboardData
      .getData('text')
      .split(/\r?\n/)
      .filter((line) => line.trim());
    if (text !== '' || lines.length < 2) return;
    event.preventDefault();
    actions.spread(id, lines);
  };

  return (
    <li
      className="px-3 py-2 transition-colors [contain-intrinsic-size:auto_5rem] [content-visibility:auto] data-lit:bg-hover/70 sm:px-4"
      data-lit={lit || undefined}
    >
      <div className="flex items-start gap-1">
        <span className="flex h-control w-7 items-center">
          <Chip number={number} lit={lit} />
        </span>
        <textarea
          ref={area}
          rows={1}
          aria-label={`Input ${number}`}
          placeholder="Text to embed"
          autoFocus={autoFocus}
          value={text}
          onChange={(event) => actions.write(id, event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
          className="max-h-48 min-h-control min-w-0 flex-1 resize-none rounded-lg border border-transparent bg-transparent px-2 py-1.5 leading-snug outline-none transition-[border-color,box-shadow] focus:border-accent focus:bg-raised focus:ring-3 focus:ring-accent/20 pointer-coarse:py-2.5"
        />
        {!only && (
          <IconButton label={`Remove input ${number}`} icon={<X />} onClick={() => actions.remove(id)} />
        )}
      </div>
      {values && <VectorStrip number={number} values={values} onOpen={() => actions.open(id)} />}
    </li>
  );
});
