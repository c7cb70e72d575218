import { Toast as Base } from '@base-ui/react/toast';
import clsx from 'clsx';
import { CircleAlert, CircleCheck, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from './icon-button';

const manager = Base.createToastManager();

interface Undo {
  label: string;
  run: () => void;
}

/** Short messages in the corner, which are read out. For what is done; what is wrong with a form stands in the form. */
export const toast = {
  done(title: string, undo?: Undo): void {
    manager.add({ title, type: 'done', actionProps: undo && { children: undo.label, onClick: undo.run } });
  },
  failed(title: ReactNode): void {
    manager.add({ title, type: 'failed', priority: 'high', timeout: 8000 });
  },
};

/** Where the messages show; once a page. */
export function Toasts() {
  return (
    <Base.Provider toastManager={manager}>
      <Base.Portal>
        <Base.Viewport className="fixed inset-x-3 bottom-3 z-50 flex flex-col gap-2 sm:right-4 sm:bottom-4 sm:left-auto sm:w-88">
          <List />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  );
}

function List() {
  const { toasts } = Base.useToastManager();
  return toasts.map((message) => {
    const Icon = message.type === 'failed' ? CircleAlert : CircleCheck;
    return (
      <Base.Root
        key={message.id}
        toast={message}
        swipeDirection={['right', 'down']}
        className="rounded-xl border border-line bg-raised shadow-pop transition duration-200 ease-out data-ending-style:opacity-0 data-starting-style:translate-y-3 data-starting-style:opacity-0"
      >
        <Base.Content className="flex items-center gap-2.5 py-2 pr-2 pl-3.5">
          <Icon
            aria-hidden
            className={clsx('size-4 shrink-0', message.type === 'failed' ? 'text-bad-text' : 'text-ok-text')}
          />
          <Base.Title className="min-w-0 flex-1 text-sm font-medium wrap-anywhere" />
          <Base.Action className="shrink-0 rounded-md px-2 py-1 text-sm font-medium text-accent-text hover:bg-hover" />
          <Base.Close render={<IconButton label="Dismiss" tip={null} icon={<X />} size="sm" />} />
        </Base.Content>
      </Base.Root>
    );
  });
}
