import type { Transport } from '@connectrpc/connect';
import { useTransport } from '@connectrpc/connect-query';
import { useRouteContext } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import { toast } from '../../ui/toast';
import { Chats } from './chats';
import type { Conversation } from './conversation';

/** The conversations of who is signed in. */
export function useChats(): { chats: Chats; conversations: Conversation[] } {
  const { user } = useRouteContext({ from: '/shell' });
  const chats = chatsOf(user.id, useTransport());
  const conversations = useSyncExternalStore(chats.conversations.subscribe, chats.conversations.all);
  return { chats, conversations };
}

/** One of them, as it grows. */
export function useConversation({ conversations }: Chats, id: string | undefined): Conversation | undefined {
  return useSyncExternalStore(conversations.subscribe, () => (id ? conversations.get(id) : undefined));
}

// They outlive the panel, so that leaving it does not end an answer.
let current: { userId: string; transport: Transport; chats: Chats } | undefined;

function chatsOf(userId: string, transport: Transport): Chats {
  if (current?.userId !== userId || current.transport !== transport) {
    current?.chats.close();
    current = { userId, transport, chats: new Chats(userId, transport, sayFull) };
  }
  return current.chats;
}

function sayFull(): void {
  toast.failed('This browser has no room left to keep conversations: delete some that you do not need.');
}
