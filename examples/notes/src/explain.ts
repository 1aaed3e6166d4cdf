/** Errors in words for people. */
import { isBasaltError } from "@basalt/client";

const WORDS: Record<string, string> = {
  invalid_credentials: "This name and password don't belong together.",
  unique_conflict: "This name is taken.",
  network: "The server can't be reached.",
  timeout: "The server takes too long.",
  rule_denied: "You may not do this.",
  document_not_found: "This note is gone.",
  file_not_found: "This picture is gone.",
  file_type_refused: "Only PNG, JPEG, WebP and GIF pictures can be added.",
  bad_image: "This picture can't be read.",
  too_large: "This picture is too large: 50 MB is the most.",
  storage_full: "The server has no room left.",
  rate_limited: "Too many tries; wait a moment.",
};

export function explain(error: Error): string {
  return (isBasaltError(error) && WORDS[error.code]) || error.message;
}
