package RT::KopnamsReport;
use strict;
use warnings;
use utf8;

# Cases of each centre. Every centre has a row, with zeros if it has nothing. Merged and deleted cases do not count.
# Times are those of Europe/Riga: a day begins at its midnight.
my $ROWS = <<'SQL';
WITH field AS (
    SELECT id FROM customfields WHERE name = 'Centrs' AND lookuptype = 'RT::Queue-RT::Ticket' AND disabled = 0 ORDER BY id LIMIT 1
), cases AS (
    SELECT t.id, q.name AS queue FROM tickets t JOIN queues q ON q.id = t.queue
    WHERE t.type = 'ticket' AND t.ismerged IS NULL AND q.name IN ('Pieteikumi', 'Konsultācijas')
      AND t.status NOT IN ('dzēsts', 'dzēsta', 'deleted')
      AND (?::date IS NULL OR t.created >= (?::date)::timestamp AT TIME ZONE 'Europe/Riga' AT TIME ZONE 'UTC')
      AND (?::date IS NULL OR t.created < (?::date + 1)::timestamp AT TIME ZONE 'Europe/Riga' AT TIME ZONE 'UTC')
), counted AS (
    SELECT v.content AS centre,
        count(*) FILTER (WHERE c.queue = 'Pieteikumi') AS applications,
        count(*) FILTER (WHERE c.queue = 'Konsultācijas') AS consultations
    FROM cases c
    LEFT JOIN objectcustomfieldvalues v ON v.objecttype = 'RT::Ticket' AND v.objectid = c.id AND v.disabled = 0
        AND v.customfield = (SELECT id FROM field)
    GROUP BY v.content
)
SELECT coalesce(v.name, k.centre) AS centre, v.description AS municipality,
    coalesce(k.applications, 0) AS applications, coalesce(k.consultations, 0) AS consultations
FROM (SELECT name, description, sortorder FROM customfieldvalues WHERE customfield = (SELECT id FROM field)) v
FULL JOIN counted k ON k.centre = v.name
ORDER BY v.sortorder, v.name, k.centre NULLS LAST
SQL

# The rows [centre, municipality, applications, consultations]; dates as YYYY-MM-DD or undef, both inclusive. Cases without
# a centre, or with one that is no longer in the list, come last, so that sums are always those of all cases.
sub rows {
    my ( $db, $from, $to ) = @_;
    return @{ $db->selectall_arrayref( $ROWS, undef, $from, $from, $to, $to ) };
}

our @HEAD = qw(centrs pasvaldiba pieteikumi konsultacijas kopa);

# RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe.
sub csv {
    my (@rows) = @_;
    my $cell = sub {
        my ($text) = @_;
        $text = '' if !defined $text;
        $text = "'$text" if $text =~ /\A[=+\-@\t\r]/ && $text !~ /\A-?[0-9]+\z/;
        return $text =~ /[",\r\n]/ ? '"' . $text =~ s/"/""/gr . '"' : $text;
    };
    return join '', map { join( ',', map { $cell->($_) } @$_ ) . "\r\n" } [@HEAD], map { [ @$_, $_->[2] + $_->[3] ] } @rows;
}

sub date_or_none {
    my ($text) = @_;
    return undef if !defined $text || $text eq '';
    require Time::Local;
    my ( $year, $month, $day ) = $text =~ /\A([0-9]{4})-([0-9]{2})-([0-9]{2})\z/;
    die "'$text' is no date: write it as 2026-01-31\n" if !$year || !eval { Time::Local::timegm( 0, 0, 0, $day, $month - 1, $year ); 1 };
    return $text;
}

1;
