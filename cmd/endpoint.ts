#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { addEndpoint, listEndpoints, removeEndpoint } from '../src/agent/endpoint.ts';
import { readEndpointWords } from '../src/cli/endpoint_words.ts';
import { runCommand } from './process.ts';
import { openEndpointWorld, placesOf } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('endpoint', argv, async (context) => {
    const request = readEndpointWords(context.words);
    const world = await openEndpointWorld(context);
    const places = placesOf(context.options);
    switch (request.action) {
      case 'add':
        return addEndpoint(world, places, request);
      case 'remove':
        return removeEndpoint(world, places, request);
      case 'list':
        return listEndpoints(world, places);
    }
  });
}

if (import.meta.main) await main(process.argv.slice(2));
