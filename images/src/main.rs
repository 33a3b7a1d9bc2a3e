//! `kopnams-images`: builds the images of the catalogue and writes its entries with their digests.

mod program;
mod recipe;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use recipe::{Builder, entry};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

/// Container images from recipes, and catalogue entries that name them by digest.
#[derive(Parser)]
#[command(
    name = "kopnams-images",
    version,
    after_help = "\
Examples:
  kopnams-images catalogue                        all of catalogue/ into build/catalogue/
  kopnams-images catalogue --fresh                the same with the newest packages
  kopnams-images catalogue --entry timekla-vietne  one entry and the images that it names
  kopnams-images recipe catalogue/images/notice   one image; prints its name with the digest
  kopnams-images program target/release/kopnams --with /usr/bin/restic --out build/kopnams
                                                  the operator itself, which also does the backups

A recipe is a folder with a recipe.yaml; docs/catalogue.md says what can stand in it. Needs root on Debian."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Where packages and images are kept between runs [default: images/ in `KOPNAMS_CACHE` or in ~/.cache/kopnams]
    #[arg(long, global = true, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Take the packages anew instead of those of an earlier run
    #[arg(long, global = true)]
    fresh: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Build every image of a catalogue and write its entries
    Catalogue {
        /// The catalogue: a folder for each entry, and images/ with a folder for each recipe
        #[arg(long, value_name = "FOLDER", default_value = "catalogue")]
        source: PathBuf,
        /// Where the entries and images/ are written
        #[arg(long, value_name = "FOLDER", default_value = "build/catalogue")]
        out: PathBuf,
        /// Only this entry and its images; can be given again
        #[arg(long, value_name = "NAME")]
        entry: Vec<String>,
    },
    /// Make an image of programs and the libraries that they are linked with, and print its name with the digest
    Program {
        /// The program
        program: PathBuf,
        /// Another program, which becomes /ITS-NAME beside it; can be given again
        #[arg(long, value_name = "FILE")]
        with: Vec<PathBuf>,
        /// Where the image is written, as an OCI layout
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Build one image and print its name with the digest
    Recipe {
        /// The recipe's folder
        folder: PathBuf,
        /// Where the image is written, as an OCI layout [default: build/catalogue/images/NAME]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let began = Instant::now();
    if let Command::Program { program, with, out } = &arguments.command {
        println!("{}", program::build(program, with, out)?.reference);
        return Ok(());
    }
    let cache = match arguments.cache {
        Some(folder) => folder,
        None => usual_cache()?,
    };
    let builder = Builder::new(cache, arguments.fresh)?;
    match arguments.command {
        Command::Program { .. } => {}
        Command::Recipe { folder, out } => {
            let folder = fs::canonicalize(&folder).with_context(|| format!("cannot find the recipe {}", folder.display()))?;
            let recipe = recipe::Recipe::read(&folder)?;
            let out = out.unwrap_or_else(|| Path::new("build/catalogue/images").join(&recipe.name));
            println!("{}", builder.build(&recipe, &out)?.reference);
        }
        Command::Catalogue { source, out, entry: only } => {
            let entries = entry::read_all(&source, &only)?;
            let images = entry::build_images(&builder, &source, &out, &entries, !only.is_empty())?;
            for entry in &entries {
                let file = entry.write(&out, &images)?;
                eprintln!("{}: written", file.display());
            }
            entry::write_list(&out, &images)?;
            eprintln!("{} entries, {} images in {:.1} s", entries.len(), images.len(), began.elapsed().as_secs_f32());
        }
    }
    Ok(())
}

fn usual_cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("KOPNAMS_CACHE") {
        return Ok(Path::new(&folder).join("images"));
    }
    let home = env::var_os("HOME").context("HOME is not set, so say where to keep packages: --cache FOLDER")?;
    Ok(Path::new(&home).join(".cache/kopnams/images"))
}
