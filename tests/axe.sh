#!/bin/sh
# Fetches axe-core, which finds what hinders people in a page, for the browser tests; checked against its digest.
VERSION=4.14.1
DIGEST=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
FOLDER=.venv/axe-$VERSION
if [ -f "$FOLDER/axe.min.js" ]; then exit 0; fi
if ! command -v npm >/dev/null 2>&1; then
    echo "No npm here: the tests for accessibility will be skipped."
    exit 0
fi
rm -rf "$FOLDER.new" && mkdir -p "$FOLDER.new"
(cd "$FOLDER.new" && npm pack "axe-core@$VERSION" --silent >/dev/null) || { echo "axe-core could not be fetched."; exit 0; }
echo "$DIGEST  $FOLDER.new/axe-core-$VERSION.tgz" | sha512sum -c --status || { echo "axe-core is not what it should be."; exit 1; }
tar -xzf "$FOLDER.new/axe-core-$VERSION.tgz" -C "$FOLDER.new" --strip-components=1 package/axe.min.js package/LICENSE
rm "$FOLDER.new/axe-core-$VERSION.tgz" && mv "$FOLDER.new" "$FOLDER"
