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

export interface Workbench {
  inputs: Input[];
  result?: Result;
  /** The inputs that have a vector in the result: one that was changed since has none. */
  embedded: readonly Embedded[];
}

export function withInputs(workbench: Workbench, inputs: Input[]): Workbench {
  const embedded = embeddedOf(inputs, workbench.result);
  return {
    ...workbench,
    inputs,
    embedded: same(workbench.embedded, embedded) ? workbench.embedded : embedded,
  };
}

export function withResult({ inputs }: Workbench, result: Result): Workbench {
  return { inputs, result, embedded: embeddedOf(inputs, result) };
}

function embeddedOf(inputs: Input[], result: Result | undefined): Embedded[] {
  return inputs.flatMap(({ text }, i) => {
    const values = result?.vectors.get(text);
    return values ? [{ number: i + 1, text, values }] : [];
  });
}

/** Typing in an input without a vector changes nothing for the others, which are costly to compare and draw. */
function same(a: readonly Embedded[], b: readonly Embedded[]): boolean {
  return (
    a.length === b.length && a.every(({ number, text }, i) => number === b[i]!.number && text === b[i]!.text)
  );
}

// Outlives the panel, so that leaving it loses nothing. In memory alone.
let kept: { userId: string; workbench: Workbench } | undefined;

/** The inputs of who is signed in, and what was made of them. */
export function useWorkbench(): [Workbench, Dispatch<SetStateAction<Workbench>>] {
  const { user } = useRouteContext({ from: '/shell' });
  const [workbench, setWorkbench] = useState<Workbench>(() =>
    kept && kept.userId === user.id ? kept.workbench : { inputs: [newInput()], embedded: [] },
  );
  useEffect(() => {
    kept = { userId: user.id, workbench };
  }, [user.id, workbench]);
  return [workbench, setWorkbench];
}
