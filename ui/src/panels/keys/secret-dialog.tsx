import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useBlocker } from '@tanstack/react-router';
import clsx from 'clsx';
import { Check } from 'lucide-react';
import { useRef } from 'react';
import { Button } from '../../ui/button';
import { CopyButton } from '../../ui/copy-button';
import { backdropClasses, dialogClasses, DialogContent } from '../../ui/dialog';
import { Notice } from '../../ui/notice';
import { KeyExamples } from './key-examples';

/** A key that was just issued. */
export interface Issued {
  label: string;
  secret: string;
  /** The models that it may use; absent: all that its user may. */
  models: string[] | undefined;
}

/** Shows a key for the only time. One button closes it: no Esc, no click beside it, no way back or away. */
export function SecretDialog({ issued, onStored }: { issued: Issued; onStored: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  useBlocker({ shouldBlockFn: () => true, enableBeforeUnload: true });
  return (
    <AlertDialog.Root open>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={backdropClasses} forceRender />
        <AlertDialog.Popup className={clsx(dialogClasses, 'sm:w-[38rem]')} initialFocus={box}>
          <DialogContent
            footer={
              <Button look="primary" onClick={onStored}>
                <Check aria-hidden />I stored it
              </Button>
            }
          >
            <AlertDialog.Title className="text-lg font-semibold tracking-tight wrap-anywhere">
              The key {issued.label}
            </AlertDialog.Title>
            <AlertDialog.Description render={<div />}>
              <Notice tone="warn">
                Copy it now: it is shown this once. Paddock keeps only enough to recognise it.
              </Notice>
            </AlertDialog.Description>
            <div
              ref={box}
              role="textbox"
              aria-label="API key"
              aria-readonly
              tabIndex={0}
              className="rounded-lg border border-line-strong bg-bg px-3 py-2.5 font-mono text-sm break-all select-all"
            >
              {issued.secret}
            </div>
            <div>
              <CopyButton text={issued.secret} label="Copy key" wide />
            </div>
            <section aria-label="How to use it">
              <KeyExamples secret={issued.secret} allowed={issued.models} />
            </section>
          </DialogContent>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
