import { Drawer } from '@base-ui/react/drawer';
import clsx from 'clsx';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from './icon-button';
import { backdropClasses } from './dialog';

interface SheetProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  children: ReactNode;
  /** Buttons that stay in sight, the one that acts last. */
  footer?: ReactNode;
  /** right: details of what is on the page, full screen on a phone. left: navigation. */
  side?: 'right' | 'left';
}

const sides = {
  right:
    'ml-auto w-full sm:w-[29rem] data-ending-style:translate-x-[105%] data-starting-style:translate-x-[105%]',
  left: 'mr-auto w-[min(20rem,86vw)] data-ending-style:-translate-x-[105%] data-starting-style:-translate-x-[105%]',
};

/** A panel that slides in from a side, and can be swiped away. */
export function Sheet({ open, onClose, title, description, children, footer, side = 'right' }: SheetProps) {
  return (
    <Drawer.Root open={open} onOpenChange={(opened) => !opened && onClose()} swipeDirection={side}>
      <Drawer.Portal>
        <Drawer.Backdrop className={backdropClasses} />
        <Drawer.Viewport className="fixed inset-0 z-40 flex sm:p-2">
          <Drawer.Popup
            className={clsx(
              'flex h-full translate-x-[var(--drawer-swipe-movement-x)] flex-col border-line bg-panel shadow-pop outline-none transition-transform duration-300 ease-out data-swiping:transition-none sm:rounded-2xl sm:border',
              sides[side],
            )}
          >
            <div className="flex items-start gap-3 px-5 pt-4 pb-3">
              <div className="min-w-0 flex-1 self-center">
                <Drawer.Title className="text-lg font-semibold tracking-tight">{title}</Drawer.Title>
                {description && (
                  <Drawer.Description className="mt-0.5 text-sm text-fg-2">{description}</Drawer.Description>
                )}
              </div>
              <Drawer.Close render={<IconButton label="Close" tip={null} icon={<X />} />} />
            </div>
            <Drawer.Content className="flex min-h-0 flex-1 flex-col overflow-y-auto px-5 pb-5">
              {children}
            </Drawer.Content>
            {footer && (
              <div className="flex items-center justify-end gap-2 border-t border-line px-5 py-3">
                {footer}
              </div>
            )}
          </Drawer.Popup>
        </Drawer.Viewport>
      </Drawer.Portal>
    </Drawer.Root>
  );
}
