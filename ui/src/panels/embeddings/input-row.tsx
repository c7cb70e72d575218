import { X } from 'lucide-react';
import { type ClipboardEvent, type KeyboardEvent, useLayoutEffect, useRef } from 'react';
import { IconButton } from '../../ui/icon-button';
import { Chip } from './chip';
import { VectorStrip } from './vector-strip';

interface InputRowProps {
  /** From 1. */
  number: number;
  text: string;
  /** Its vector, once it has one. */
  values: number[] | undefined;
  lit: boolean;
  /** Takes the focus once it is there. */
  autoFocus: boolean;
  onChange: (text: string) => void;
  /** Enter: on to the next input. */
  onNext: () => void;
  /** Absent for the only one. */
  onRemove?: () => void;
  /** Lines were pasted where nothing stood. */
  onLines: (lines: string[]) => void;
}

/** One text, and its vector below it. */
export function InputRow({
  number,
  text,
  values,
  lit,
  autoFocus,
  onChange,
  onNext,
  onRemove,
  onLines,
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
      onNext();
    }
    if (event.key === 'Backspace' && text === '' && onRemove) {
      event.preventDefault();
      onRemove();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const lines = event.clipboardData
      .getData('text')
      .split(/\r?\n/)
      .filter((line) => line.trim());
    if (text !== '' || lines.length < 2) return;
    event.preventDefault();
    onLines(lines);
  };

  return (
    <li className="px-3 py-2 transition-colors data-lit:bg-hover/70 sm:px-4" data-lit={lit || undefined}>
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
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
          className="max-h-48 min-h-control min-w-0 flex-1 resize-none rounded-lg border border-transparent bg-transparent px-2 py-1.5 leading-snug outline-none transition-[border-color,box-shadow] focus:border-accent focus:bg-raised focus:ring-3 focus:ring-accent/20 pointer-coarse:py-2.5"
        />
        {onRemove && <IconButton label={`Remove input ${number}`} icon={<X />} onClick={onRemove} />}
      </div>
      {values && <VectorStrip number={number} values={values} />}
    </li>
  );
}
