import { randomInt } from 'node:crypto';

const FIRST =
  'amber bold brave brisk calm clear cosy crisp deft eager fair fast fond glad keen kind lively lucid merry mild neat nimble plain prime quick quiet ready sage sharp sleek snug sound spry still stout sunny swift tidy true warm wise witty'.split(
    ' ',
  );
const SECOND =
  'ant badger bear bee bison crane crow deer dove duck eagle elk falcon finch fox gecko gull hare hawk heron ibex jay koala lark lemur lion lynx marten mole moose newt otter owl panda puffin quail raven robin seal shrew sloth stork swan tapir tern tiger toad trout vole wasp whale wolf wren yak'.split(
    ' ',
  );

/** Two words with a hyphen, at most 19 characters. */
export function petName(): string {
  return `${FIRST[randomInt(FIRST.length)]}-${SECOND[randomInt(SECOND.length)]}`;
}
