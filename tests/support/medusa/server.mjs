// A Medusa store on PostgreSQL, on 127.0.0.1 and nowhere else.
//
// Run with the folder that holds node_modules and medusa-config.js as the working directory, and DATABASE_URL set. The
// first line of stdin is JSON: {"migrate": true} brings the database to this version's schema and ends;
// {"port", "admin": {"email", "password"}} starts the store, the admin being made where there is one to make. One JSON
// line on stdout says what became of it. The store ends when stdin does, or on SIGTERM.

import { createRequire } from "node:module";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

process.env.MEDUSA_DISABLE_TELEMETRY = "true";

// A test store has no business elsewhere: whoever tries to leave the machine fails loudly.
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const first = Array.isArray(given[0]) ? given[0][0] : given[0];
  const options = typeof first === "object" && first !== null ? first : { host: given[1] };
  const host = options.path ? "" : options.host;
  if (host !== "" && !["127.0.0.1", "localhost", undefined].includes(host)) {
    throw new Error(`the test store may not connect to ${host}`);
  }
  return connect.apply(this, given);
};

// stdout carries one line of ours and nothing else; what Medusa logs is for whoever looks into a failure.
const say = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const directory = process.cwd();
const require = createRequire(join(directory, "package.json"));

async function migrate() {
  process.env.MEDUSA_WORKER_MODE = "server";
  const { initializeContainer } = require("@medusajs/medusa/loaders/index");
  const { migrate: run } = require("@medusajs/medusa/commands/db/migrate");
  const container = await initializeContainer(directory);
  const logger = container.resolve("logger");
  const whole = await run({ directory, executeAllLinks: true, skipScripts: true, skipSearch: true, logger, container });
  if (!whole) throw new Error("the database could not be migrated");
  return { migrated: true };
}

async function makeAdmin(container, { email, password }) {
  const { Modules } = require("@medusajs/framework/utils");
  const run = container.resolve(Modules.WORKFLOW_ENGINE);
  const auth = container.resolve(Modules.AUTH);
  const { result } = await run.run("create-users-workflow", { input: { users: [{ email }] } });
  const { authIdentity, error } = await auth.register("emailpass", { body: { email, password } });
  if (error) throw new Error(String(error));
  await auth.updateAuthIdentities({ id: authIdentity.id, app_metadata: { user_id: result[0].id } });
}

async function start({ port, admin }) {
  const express = require("express");
  const { default: load } = require("@medusajs/medusa/loaders/index");
  const app = express();
  const { container } = await load({ directory, expressApp: app });
  if (admin) await makeAdmin(container, admin);
  const server = http.createServer(app);
  await new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port ?? 0, "127.0.0.1", resolve);
  });
  return { url: `http://127.0.0.1:${server.address().port}` };
}

let told = false;
const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
lines.on("line", (line) => {
  if (told) return;
  told = true;
  const given = JSON.parse(line);
  (given.migrate ? migrate() : start(given))
    .then((answer) => {
      say(`${JSON.stringify(answer)}\n`);
      if (given.migrate) process.exit(0);
    })
    .catch((error) => {
      process.stderr.write(`${error.stack}\n`);
      process.exit(1);
    });
});
