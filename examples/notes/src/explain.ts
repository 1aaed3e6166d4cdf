/** Errors in words for people. */
import { isBasaltError } from "@basalt/client";

const WORDS: Record<string, string> = {
  invalid_credentials: "This name and password don't belong together.",
  unique_conflict: "This name is taken.",
  network: "The server can't be reached.",
  timeout: "The server takes too long.",
  rule_denied: "You may not do this.",
  document_not_found: "This note is gone.",
  rate_limited: "Too many tries; wait a moment.",
};

export function explain(error: Error): string {
  return (isBasaltError(error) && WORDS[error.code]) || error.message;
}
