import { Dialog as Base } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from './icon-button';

export const backdropClasses =
  'fixed inset-0 z-40 bg-backdrop transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0';

export const dialogClasses =
  'fixed top-1/2 left-1/2 z-40 flex max-h-[min(44rem,calc(100dvh-2rem))] w-[min(27rem,calc(100vw-1.5rem))] -translate-1/2 flex-col ' +
  'overflow-hidden rounded-2xl border border-line bg-panel shadow-pop outline-none transition duration-150 ' +
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
          <DialogContent footer={footer}>
            <div className="flex items-center justify-between gap-3">
              <Base.Title className="text-lg font-semibold tracking-tight">{title}</Base.Title>
              <Base.Close render={<IconButton label="Close" tip={null} icon={<X />} size="sm" />} />
            </div>
            {children}
          </DialogContent>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** What a dialog says, and below it its buttons, which stay in sight while that scrolls. */
export function DialogContent({ children, footer }: Pick<DialogProps, 'children' | 'footer'>) {
  return (
    <>
      <div className="flex min-h-0 flex-col gap-4 overflow-y-auto p-5">{children}</div>
      {footer && (
        <div className="flex shrink-0 justify-end gap-2 border-t border-line bg-bg/60 px-5 py-3">
          {footer}
        </div>
      )}
    </>
  );
}
