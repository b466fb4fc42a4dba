// Lanes of marks, and above them what the copies held, on one axis of time. Dragging over the curves zooms.

import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { drawnOf, type Curve, type Lane, type Span } from './lanes';
import { usePage } from './page';
import { formatTick, formatTime, formatUtc, ticksOf } from './time';
import { count, visible } from './text';

const palette = 6;  // .curve-0 to .curve-5 in style.css
const height = 150;

export function TimeChart({ curves, lanes, span, heading, says }: {
  curves: Curve[]; lanes: Lane[]; span: Span; heading: string; says: string;
}): JSX.Element {
  const { times } = usePage();
  const width = span.until - span.since;
  return <figure class="chart">
    <figcaption>{says}</figcaption>
    {curves.length > 0 && <>
      <p class="legend" aria-hidden="true"><span class="axis-name">{heading}</span>{curves.slice(0, 12).map((curve, i) =>
        <span key={curve.name} class={`curve-${i % palette}`}><i /><bdi>{visible(curve.name, 60)}</bdi></span>)}
        {curves.length > 12 && <span>and {count(curves.length - 12)} more</span>}</p>
      <Curves curves={curves} span={span} />
    </>}
    <div class="lanes" role="img" aria-label={says}>
      {lanes.map((lane) => <div class="lane" key={lane.name}>
        <span class="lane-name">{lane.name}</span>
        <div class="track">{drawnOf(lane.marks, span).map((mark) =>
          <i key={`${mark.left} ${mark.width}`} class={`mark ${mark.tone} ${mark.width > 0 ? 'long' : ''}`}
            style={{ left: `${100 * mark.left}%`, width: mark.width > 0 ? `${100 * mark.width}%` : '' }}
            title={mark.marks > 1 ? `${mark.text} (and ${mark.marks - 1} more)` : mark.text} />)}</div>
      </div>)}
      <div class="lane axis" aria-hidden="true"><span class="lane-name">{times === 'local' ? 'local' : 'UTC'}</span>
        <div class="track">{ticksOf(span.since, span.until - 0.07 * width, 6).map((at) =>
          <span key={at} class="tick" style={{ left: `${(100 * (at - span.since)) / width}%` }}
            title={formatTime(at, times, at, true)}>{formatTick(at, width, times)}</span>)}</div>
      </div>
    </div>
  </figure>;
}

function Curves({ curves, span }: { curves: Curve[]; span: Span }): JSX.Element {
  const { set } = usePage();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef(set);
  zoom.current = set;
  const key = curves.map((curve) => curve.name).join('\n');
  const theme = document.documentElement.dataset['theme'] ?? String(matchMedia('(prefers-color-scheme: dark)').matches);

  useLayoutEffect(() => {
    const element = box.current!;
    const colour = (name: string) => {
      const probe = Object.assign(document.createElement('i'), { className: name });
      element.append(probe);
      const { color } = getComputedStyle(probe);
      probe.remove();
      return color;
    };
    const chart = new uPlot({
      width: element.clientWidth, height, legend: { show: false }, padding: [6, 0, 6, 0],
      cursor: { points: { show: false }, y: false, drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: false }, y: { range: (_, __, top) => [0, Math.max(1, top * 1.08)] } },
      axes: [
        { show: false },
        { size: axisWidth(element), stroke: colour('axis-colour'), grid: { stroke: colour('grid-colour'), width: 1 },
          ticks: { show: false }, font: '11px system-ui, sans-serif', space: 34,
          values: (_, values) => values.map((value) => count(value)) },
      ],
      series: [{}, ...curves.map((_, i) => ({
        stroke: colour(`curve-${i % palette}`), width: 1.5, dash: i >= palette ? [4, 3] : undefined,
        paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false },
      }))],
      hooks: { setSelect: [(chart) => {
        const { left, width } = chart.select;
        if (width < 4) return;
        const at = (x: number) => formatUtc(Math.round(chart.posToVal(x, 'x')));
        zoom.current({ since: at(left), until: at(left + width) });
      }] },
    }, dataOf(curves, span), element);
    plot.current = chart;
    const resized = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [key, theme]);

  useLayoutEffect(() => {
    plot.current?.setData(dataOf(curves, span), false);
    plot.current?.batch(() => {
      plot.current?.setScale('x', { min: span.since, max: span.until });
    });
  }, [curves, span.since, span.until, key, theme]);

  return <div class="curves" ref={box} aria-hidden="true" />;
}

// Lanes begin where the plot does: style.css says how far their names reach.
function axisWidth(element: HTMLElement): number {
  return parseFloat(getComputedStyle(element).getPropertyValue('--lane-name')) || 88;
}

// One list of times for all curves; each is held until its end.
function dataOf(curves: Curve[], { until }: Span): uPlot.AlignedData {
  const times = [...new Set(curves.flatMap((curve) => curve.points.map(([at]) => at)))].sort((a, b) => a - b);
  if (times.length > 0 && times[times.length - 1]! < until) times.push(until);
  const at = new Map(times.map((time, i) => [time, i]));
  return [times, ...curves.map((curve) => {
    const values: (number | null)[] = times.map(() => null);
    for (const [time, value] of curve.points) values[at.get(time)!] = value;
    for (let i = 1; i < values.length; ++i) values[i] ??= values[i - 1]!;
    return values;
  })] as uPlot.AlignedData;
}
