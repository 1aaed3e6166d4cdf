import { useAuth } from "@basalt/react";
import { SignIn } from "./auth/SignIn";
import { NotesPage } from "./notes/NotesPage";

export function App() {
  const { status, user } = useAuth();
  if (status === "loading") return <p className="quiet center">Opening…</p>;
  return user === null ? <SignIn /> : <NotesPage key={user.id} userId={user.id} />;
}
