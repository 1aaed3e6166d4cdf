import { useMutation } from "@basalt/react";
import { type FormEvent, useState } from "react";
import { client } from "../client";
import { explain } from "../explain";

export function SignIn() {
  const [isNew, setNew] = useState(true);
  const enter = useMutation(async (username: string, password: string) => {
    await (isNew ? client.auth.signUp({ username, password }) : client.auth.login({ username, password }));
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    enter.mutate(String(fields.get("username")).trim(), String(fields.get("password")));
  };
  const turn = () => {
    setNew(!isNew);
    enter.reset();
  };
  return (
    <main className="sign-in">
      <img src="/icon.svg" alt="" width="48" height="48" />
      <h1>{isNew ? "Create your notebook" : "Welcome back"}</h1>
      <p className="quiet">Notes that are live between your devices, and go on without a network.</p>
      <form onSubmit={submit}>
        <label>
          Name
          <input name="username" autoComplete="username" required maxLength={64} autoCapitalize="none" />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? "new-password" : "current-password"}
            required
            minLength={8}
          />
        </label>
        {enter.error && (
          <p className="error" role="alert">
            {explain(enter.error)}
          </p>
        )}
        <button type="submit" className="primary" disabled={enter.pending}>
          {isNew ? "Sign up" : "Sign in"}
        </button>
      </form>
      <button type="button" className="link" onClick={turn}>
        {isNew ? "I have a notebook already" : "I am new here"}
      </button>
    </main>
  );
}
