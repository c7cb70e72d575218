import { Dialog as Base } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from './icon-button';

export const backdropClasses =
  'fixed inset-0 z-40 bg-backdrop transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0';

export const dialogClasses =
  'fixed top-1/2 left-1/2 z-40 flex max-h-[min(44rem,calc(100dvh-2rem))] w-[min(27rem,calc(100vw-1.5rem))] -translate-1/2 flex-col gap-4 ' +
  'overflow-y-auto rounded-2xl border border-line bg-panel p-5 shadow-pop outline-none transition duration-150 ' +
  'data-ending-style:scale-97 data-ending-style:opacity-0 data-starting-style:scale-97 data-starting-style:opacity-0';

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  /** Buttons, the one that acts last. */
  footer?: ReactNode;
}

export function Dialog({ open, onClose, title, children, footer }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(opened) => !opened && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={backdropClasses} forceRender />
        <Base.Popup className={dialogClasses}>
          <div className="flex items-center justify-between gap-3">
            <Base.Title className="text-lg font-semibold tracking-tight">{title}</Base.Title>
            <Base.Close render={<IconButton label="Close" tip={null} icon={<X />} size="sm" />} />
          </div>
          {children}
          {footer && <div className="flex justify-end gap-2">{footer}</div>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
