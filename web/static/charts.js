// Draw each [data-chart] with uPlot, in the page's colours; its table stands below it.
"use strict";
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const tones = { good: "--pico-primary", bad: "--bad", plain: "--mind" };
  const large = {
    en: { money: [[1e7, " cr"], [1e5, " lakh"], [1e3, "k"]], number: [[1e6, "M"], [1e3, "k"]] },
    bn: { money: [[1e7, " কোটি"], [1e5, " লাখ"], [1e3, " হাজার"]], number: [[1e5, " লাখ"], [1e3, " হাজার"]] },
  };
  const octets = [[1e12, " TB"], [1e9, " GB"], [1e6, " MB"], [1e3, " kB"]];
  const short = (value, unit, language) => {
    const steps = unit === "octets" ? octets : large[language][unit];
    const [size, name] = steps.find(([least]) => Math.abs(value) >= least) ?? [1, ""];
    const figure = new Intl.NumberFormat(language, { maximumFractionDigits: size === 1 ? 2 : 1, useGrouping: false });
    return figure.format(value / size) + name;
  };
  const draw = (box) => {
    const data = JSON.parse(box.dataset.chart);
    // Day before month, as everywhere on these pages.
    const told = new Intl.DateTimeFormat(data.language === "en" ? "en-GB" : data.language, data.step === "day"
      ? { timeZone: data.zone, day: "numeric", month: "short" }
      : { timeZone: data.zone, hour: "2-digit", minute: "2-digit", hour12: false });
    const ink = colour("--pico-muted-color");
    const line = colour("--pico-table-border-color");
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui" };
    const isBars = data.form === "bars";
    const series = data.series.map((one, index) => ({
      label: one.label,
      stroke: colour(tones[one.tone]),
      fill: colour(tones[one.tone]) + (isBars ? "cc" : "22"),
      width: isBars ? 0 : 2,
      points: { show: false },
      paths: isBars ? uPlot.paths.bars({ size: [0.7 / data.series.length, 24], align: data.series.length > 1 ? (index ? 1 : -1) : 0 }) : undefined,
      value: (_, value) => value === null ? "–" : short(value, data.unit, data.language),
    }));
    const step = data.step === "day" ? 86400 : 3600;
    const options = {
      width: box.clientWidth,
      height: 210,
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), data.zone),
      cursor: { drag: { x: false, y: false } },
      scales: { x: { range: (_, low, high) => [low - step / 2, high + step / 2] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, values: (_, marks) => marks.map((at) => told.format(at * 1000)) },
        { ...axis, size: 64, values: (_, marks) => marks.map((value) => short(value, data.unit, data.language)) },
      ],
      series: [{ label: data.moment, value: (_, at) => at === null ? "–" : told.format(at * 1000) }, ...series],
    };
    box.replaceChildren();
    const chart = new uPlot(options, [data.moments, ...data.series.map((one) => one.values)], box);
    new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: 210 })).observe(box);
  };
  document.querySelectorAll("[data-chart]").forEach(draw);
})();
