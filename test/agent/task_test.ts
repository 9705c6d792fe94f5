import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTask } from '../../src/agent/task.ts';
import { createWakeup } from '../../src/agent/wakeup.ts';

function clockedTask(run: () => Promise<void>, random = () => 0) {
  const clock = { time: 1000 };
  const failures: unknown[] = [];
  const task = createTask({
    run,
    now: () => clock.time,
    random,
    nextAt: () => clock.time + 10_000,
    onFailure: (error) => failures.push(error),
  });
  return { clock, failures, task };
}

test('a task runs when it is due, and at once on request', async () => {
  let runs = 0;
  const { clock, task } = clockedTask(async () => {
    runs += 1;
  });
  await task.runIfDue();
  assert.equal(runs, 0);
  clock.time += 10_000;
  await task.runIfDue();
  await task.runIfDue();
  assert.equal(runs, 1);
  task.request();
  await task.runIfDue();
  assert.equal(runs, 2);
});

test('what is asked for while it runs makes it run again', async () => {
  let runs = 0;
  const { task } = clockedTask(async () => {
    runs += 1;
    if (runs === 1) task.request();
  });
  task.request();
  await task.runIfDue();
  await task.runIfDue();
  await task.runIfDue();
  assert.equal(runs, 2);
});

test('a failure makes it wait twice as long each time, whatever is asked for', async () => {
  const { clock, failures, task } = clockedTask(() => Promise.reject(new Error('no')));
  task.request();
  const pauses: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    await task.runIfDue();
    task.request();
    pauses.push(task.dueAt() - clock.time);
    clock.time = task.dueAt();
  }
  assert.equal(failures.length, 12);
  assert.deepEqual(pauses.slice(0, 4), [200, 400, 800, 1600]);
  assert.equal(pauses.at(-1), 30_000);
});

test('those that fail together do not try again together', async () => {
  const tasks = [0, 0.25, 0.5, 0.75].map((drawn) =>
    clockedTask(
      () => Promise.reject(new Error('no')),
      () => drawn,
    ),
  );
  for (const { clock, task } of tasks) {
    for (let i = 0; i < 12; i += 1) {
      clock.time = task.dueAt();
      await task.runIfDue();
    }
  }
  const pauses = tasks.map(({ clock, task }) => task.dueAt() - clock.time);
  assert.deepEqual(pauses, [30_000, 26_250, 22_500, 18_750]);
});

test('a hurry runs it also while it waits after a failure', async () => {
  const { failures, task } = clockedTask(() => Promise.reject(new Error('no')));
  task.request();
  await task.runIfDue();
  task.request();
  await task.runIfDue();
  assert.equal(failures.length, 1);
  task.hurry();
  await task.runIfDue();
  assert.equal(failures.length, 2);
});

test('a wake-up that came before the wait counts, and only once', async () => {
  const wakeup = createWakeup();
  wakeup.notify();
  wakeup.notify();
  await wakeup.wait(60_000);
  const started = performance.now();
  await wakeup.wait(20);
  assert(performance.now() - started >= 15);
  const waiting = wakeup.wait(Number.POSITIVE_INFINITY);
  wakeup.notify();
  await waiting;
});
