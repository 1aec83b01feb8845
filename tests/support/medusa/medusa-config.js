// Medusa's own defaults, but for what a store on loopback needs: no admin pages to build, and no TLS to its database.

const { defineConfig } = require("@medusajs/framework/utils");

const secret = process.env.MEDUSA_TEST_SECRET;

module.exports = defineConfig({
  admin: { disable: true },
  modules: { search: false },
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { connection: { ssl: false } },
    http: {
      host: "127.0.0.1",
      storeCors: "http://127.0.0.1",
      adminCors: "http://127.0.0.1",
      authCors: "http://127.0.0.1",
      jwtSecret: secret,
      cookieSecret: secret,
    },
  },
});
