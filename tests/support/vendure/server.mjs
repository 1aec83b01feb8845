// A Vendure store in memory or on PostgreSQL, on 127.0.0.1 and nowhere else.
//
// Run with the folder that holds node_modules as the working directory. The first line of stdin is JSON:
//   {"username", "password", "taxPercent", "shipping": [{"name", "price"}], "products": [{"sku", "name", "price"}],
//    "database", "port"}
// (prices in minor units). "database" is a PostgreSQL URL, without which the data are in memory; a store that is started
// again on its database is given no products. One JSON line on stdout says that it is ready; it ends when stdin does, or
// on SIGTERM.

import { createRequire } from "node:module";
import net from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

process.env.VENDURE_DISABLE_TELEMETRY = "true";

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

const require = createRequire(join(process.cwd(), "package.json"));
const vendure = require("@vendure/core");

function toStderr(level) {
  return (message, context) => process.stderr.write(`${level} ${context ?? ""} ${message}\n`);
}

function silent() {}

function storage(database, fresh) {
  return database
    ? { type: "postgres", url: database, synchronize: fresh, logging: false }
    : { type: "sqljs", synchronize: true, autoSave: false, logging: false };
}

function configuration({ username, password, database, port, products }) {
  return {
    apiOptions: {
      hostname: "127.0.0.1",
      port: port ?? 0,
      adminApiPath: "admin-api",
      shopApiPath: "shop-api",
    },
    authOptions: {
      tokenMethod: "bearer",
      requireVerification: false,
      superadminCredentials: { identifier: username, password },
    },
    dbConnectionOptions: storage(database, Boolean(products)),
    paymentOptions: { paymentMethodHandlers: [vendure.dummyPaymentHandler] },
    logger: {
      error: toStderr("error"),
      warn: toStderr("warn"),
      info: silent,
      verbose: silent,
      debug: silent,
    },
  };
}

function dummyPayment(name, settles) {
  const value = (argument, text) => ({ name: argument, value: text });
  return {
    name,
    handler: {
      code: vendure.dummyPaymentHandler.code,
      arguments: [value("automaticSettle", settles ? "true" : "false")],
    },
  };
}

function initialData(shipping, taxPercent) {
  return {
    defaultLanguage: vendure.LanguageCode.en,
    defaultZone: "Americas",
    countries: [
      { name: "United States", code: "US", zone: "Americas" },
      { name: "Germany", code: "DE", zone: "Europe" },
    ],
    taxRates: [{ name: "Standard", percentage: taxPercent }],
    shippingMethods: shipping,
    // "Card" is captured at once; "Invoice" only authorises.
    paymentMethods: [dummyPayment("Card", true), dummyPayment("Invoice", false)],
    collections: [],
  };
}

async function populate(app, given) {
  const data = initialData(given.shipping, given.taxPercent ?? 0);
  await app.get(vendure.Populator).populateInitialData(data);
  const ctx = await app.get(vendure.RequestContextService).create({ apiType: "admin" });
  const [category] = (await app.get(vendure.TaxCategoryService).findAll(ctx)).items;
  for (const { sku, name, price } of given.products) {
    const languageCode = vendure.LanguageCode.en;
    const product = await app.get(vendure.ProductService).create(ctx, {
      translations: [{ languageCode, name, slug: sku.toLowerCase(), description: "" }],
    });
    await app.get(vendure.ProductVariantService).create(ctx, [
      {
        productId: product.id,
        sku,
        price,
        taxCategoryId: category.id,
        stockOnHand: 1_000_000,
        translations: [{ languageCode, name }],
      },
    ]);
  }
}

async function main(given) {
  const app = await vendure.bootstrap(configuration(given));
  await app.get(vendure.JobQueueService).start();
  if (given.products) await populate(app, given);
  const { address, port } = app.getHttpServer().address();
  const url = `http://${address}:${port}`;
  const ready = {
    adminApi: `${url}/admin-api`,
    shopApi: `${url}/shop-api`,
    superadmin: { username: given.username, password: given.password },
    version: vendure.VENDURE_VERSION,
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

let started = false;
const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
lines.on("line", (line) => {
  if (started) return;
  started = true;
  main(JSON.parse(line)).catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
});
