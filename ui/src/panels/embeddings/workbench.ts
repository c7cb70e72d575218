import { useRouteContext } from '@tanstack/react-router';
import { type Dispatch, type SetStateAction, useEffect, useState } from 'react';

/** How many inputs the panel takes; the API takes more. */
export const MAX_INPUTS = 100;

export interface Input {
  id: number;
  text: string;
}

/** What one call gave. */
export interface Result {
  model: string;
  /** By the input's text. */
  vectors: ReadonlyMap<string, number[]>;
  promptTokens: bigint;
  /** How long the call took. */
  milliseconds: number;
}

export interface Workbench {
  inputs: Input[];
  result?: Result;
}

/** An input that has its vector. */
export interface Embedded {
  /** Its place among the inputs, from 1. */
  number: number;
  text: string;
  values: number[];
}

let lastId = 0;

export function newInput(text = ''): Input {
  return { id: ++lastId, text };
}

/** The inputs that have a vector of the model: an input that was changed since has none. */
export function embeddedOf({ inputs, result }: Workbench, model: string): Embedded[] {
  if (result?.model !== model) return [];
  return inputs.flatMap(({ text }, i) => {
    const values = result.vectors.get(text);
    return values ? [{ number: i + 1, text, values }] : [];
  });
}

// Outlives the panel, so that leaving it loses nothing. In memory alone.
let kept: { userId: string; workbench: Workbench } | undefined;

/** The inputs of who is signed in, and what was made of them. */
export function useWorkbench(): [Workbench, Dispatch<SetStateAction<Workbench>>] {
  const { user } = useRouteContext({ from: '/shell' });
  const [workbench, setWorkbench] = useState<Workbench>(() =>
    kept?.userId === user.id ? kept.workbench : { inputs: [newInput()] },
  );
  useEffect(() => {
    kept = { userId: user.id, workbench };
  }, [user.id, workbench]);
  return [workbench, setWorkbench];
}
