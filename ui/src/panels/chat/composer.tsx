import { ArrowUp, SlidersHorizontal, Square } from 'lucide-react';
import { type KeyboardEvent, useLayoutEffect, useRef, useState } from 'react';
import { Button } from '../../ui/button';
import { IconButton } from '../../ui/icon-button';
import { Kbd } from '../../ui/kbd';

interface ComposerProps {
  /** What stands in it at first, and what is told of every change of it. */
  draft: string;
  onDraft: (text: string) => void;
  model: string;
  running: boolean;
  onSend: (prompt: string) => void;
  onStop: () => void;
  onEditLast: () => void;
  onSettings: () => void;
  /** What is set: "System prompt, temperature 0.7". */
  settings: string;
}

export function Composer({
  draft,
  onDraft,
  model,
  running,
  onSend,
  onStop,
  onEditLast,
  onSettings,
  settings,
}: ComposerProps) {
  const [text, setText] = useState(draft);
  const area = useRef<HTMLTextAreaElement>(null);

  useLayoutEffect(() => {
    const { style, scrollHeight } = shrunk(area.current!);
    style.height = `${scrollHeight}px`;
  }, [text]);

  const write = (written: string) => {
    setText(written);
    onDraft(written);
  };
  const send = () => {
    if (running || !text.trim()) return;
    write('');
    onSend(text.trim());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey && !isTouch()) {
      event.preventDefault();
      send();
    }
    if (event.key === 'Escape' && running) onStop();
    if (event.key === 'ArrowUp' && text === '') {
      event.preventDefault();
      onEditLast();
    }
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      className="mx-auto w-full max-w-3xl px-3 pb-3 sm:px-4 sm:pb-4"
    >
      <div className="rounded-2xl border border-line-strong bg-raised shadow-pop transition-[border-color,box-shadow] focus-within:border-accent focus-within:ring-3 focus-within:ring-accent/15">
        <textarea
          ref={area}
          rows={1}
          autoFocus={!isTouch()}
          aria-label="Message"
          placeholder={model ? `Ask ${model}…` : 'Ask…'}
          value={text}
          onChange={(event) => write(event.target.value)}
          onKeyDown={onKeyDown}
          className="block max-h-[40dvh] w-full resize-none bg-transparent px-4 pt-3.5 pb-1 text-[0.90625rem] leading-relaxed outline-none"
        />
        <div className="flex items-center gap-2 p-2">
          <Button look="ghost" size="sm" onClick={onSettings}>
            <SlidersHorizontal aria-hidden />
            <span className="max-w-[40vw] truncate sm:max-w-72">{settings || 'Settings'}</span>
          </Button>
          <span className="mr-1 ml-auto hidden items-center gap-1.5 text-xs text-fg-3 sm:flex">
            {running ? (
              <>
                <Kbd keys="escape" /> stops
              </>
            ) : (
              <>
                <Kbd keys="enter" /> sends · <Kbd keys="shift+enter" /> new line
              </>
            )}
          </span>
          <span className="ml-auto sm:ml-0">
            {running ? (
              <IconButton
                look="primary"
                round
                label="Stop"
                icon={<Square className="size-3! fill-current" />}
                onClick={onStop}
              />
            ) : (
              <IconButton
                look="primary"
                round
                type="submit"
                label="Send"
                icon={<ArrowUp />}
                disabled={!text.trim()}
              />
            )}
          </span>
        </div>
      </div>
    </form>
  );
}

/** The height that its text needs shows in scrollHeight once it has none of its own. */
function shrunk(area: HTMLTextAreaElement): HTMLTextAreaElement {
  area.style.height = 'auto';
  return area;
}

/** On a touch keyboard, Enter is for new lines. */
function isTouch(): boolean {
  return matchMedia('(pointer: coarse)').matches;
}
