/** What a command line of flanneld looks like, for `run`: Go's spelling of flags, and flags that are not built. */
import { TartanError } from '../errors.ts';
import type { Environment } from './option_spec.ts';
import { OPTIONS, type OptionName, variableOf } from './options.ts';
import { isFalse, isTrue } from './values.ts';

/** flanneld's own, and why `run` does not take them. Given as false or empty, nothing is asked for. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  'kube-subnet-mgr': 'is not for tartan, which keeps leases in etcd or a file',
  'kube-api-url': 'is of kube-subnet-mgr, which is not for tartan',
  'kubeconfig-file': 'is of kube-subnet-mgr, which is not for tartan',
  'kube-annotation-prefix': 'is of kube-subnet-mgr, which is not for tartan',
  'net-config-path': 'is of kube-subnet-mgr, which is not for tartan',
};

/**
 * Go takes one dash for two, `-iface=eth0`, and a value for a switch, `--force=true`.
 * @throws TartanError `USAGE` for a flag of flanneld's that is not built
 */
export function flannelArguments(argv: readonly string[]): string[] {
  return argv.flatMap((word, index) => {
    const { name, value } =
      /^--?(?<name>[a-z][a-z0-9-]*)(?:=(?<value>.*))?$/s.exec(word)?.groups ?? {};
    if (name === undefined) return [word];
    if (Object.hasOwn(NOT_BUILT, name)) {
      if (value !== undefined && asksForNothing(value)) return [];
      throw notBuilt(`--${name}`, name);
    }
    if (name === 'v') return value === undefined ? ['-v'] : ['-v', value];
    if (!Object.hasOwn(OPTIONS, name)) return [word];
    const isSwitch = OPTIONS[name as OptionName].value.placeholder === null;
    if (value === undefined) {
      return [
        isTruth(name as OptionName) && !isWord(argv[index + 1]) ? `--${name}=true` : `--${name}`,
      ];
    }
    if (!isSwitch) return [`--${name}=${value}`];
    if (isFalse(value)) return [];
    if (isTrue(value)) return [`--${name}`];
    const message = `--${name}: "${value}" is neither true nor false`;
    throw new TartanError('USAGE', message, 'Give true or false.');
  });
}

/** On unless it is said to be off: Go takes the flag alone for `true`. */
function isTruth(name: OptionName): boolean {
  return OPTIONS[name].initial === true;
}

function isWord(next: string | undefined): boolean {
  return next !== undefined && (isTrue(next) || isFalse(next));
}

/** @throws TartanError `USAGE` for a variable of flanneld's that asks for what is not built */
export function refuseWhatIsNotBuilt(environment: Environment): void {
  for (const name of Object.keys(NOT_BUILT)) {
    const variable = variableOf(name as OptionName);
    const value = environment[variable];
    if (value !== undefined && !asksForNothing(value)) throw notBuilt(variable, name);
  }
}

function asksForNothing(value: string): boolean {
  return value === '' || isFalse(value);
}

function notBuilt(given: string, name: string): TartanError {
  return new TartanError(
    'USAGE',
    `${given} ${NOT_BUILT[name]}`,
    'Leave it out; `tartan run --help` lists what there is.',
  );
}
