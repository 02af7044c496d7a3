// Copy what the pages and their tests use out of node_modules, with its licences.
import { copyFileSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";

const web = new URL("..", import.meta.url).pathname;
const files = {
  [join(web, "static/vendor/pico")]: ["@picocss/pico/css/pico.min.css", "@picocss/pico/LICENSE.md"],
  [join(web, "static/vendor/htmx")]: ["htmx.org/dist/htmx.min.js", "htmx.org/LICENSE"],
  [join(web, "static/vendor/uplot")]: [
    "uplot/dist/uPlot.iife.min.js", "uplot/dist/uPlot.min.css", "uplot/LICENSE"],
  [join(web, "../tests/web/vendor/axe")]: [
    "axe-core/axe.min.js", "axe-core/LICENSE", "axe-core/LICENSE-3RD-PARTY.txt"],
};
for (const [folder, names] of Object.entries(files)) {
  mkdirSync(folder, { recursive: true });
  for (const name of names) copyFileSync(join("node_modules", name), join(folder, basename(name)));
}
